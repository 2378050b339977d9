// Of the texts as they stand in the page, for its Content-Security-Policy. A test computes them, and tells the new one after a change.
export const CHART_SOURCE_HASH = 'sha256-hNDiM9q6cCuPd9Zp2ME3ytNtRBoQ8gC28tOrVTvfz2s=';
export const CHART_SCRIPT_HASH = 'sha256-iUeK/GuRsXbo1vpG2M20L08q6BqxkXWi45mVHUmjIfk=';
export const TABLE_SCRIPT_HASH = 'sha256-XMmGvtw2s2iFg/SXrJYQg3nbE2KEjauP8r19VGxX1gI=';
export const STYLE_HASH = 'sha256-rRp12Hc7O0h80HsJn6gv2pwfL2r8HKnAarmBEmOpVpw=';

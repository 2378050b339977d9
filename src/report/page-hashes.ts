// Of the texts as they stand in the page, for its Content-Security-Policy. A test computes them, and tells the new one after a change.
export const CHART_SOURCE_HASH = 'sha256-hNDiM9q6cCuPd9Zp2ME3ytNtRBoQ8gC28tOrVTvfz2s=';
export const CHART_SCRIPT_HASH = 'sha256-eKgoqWic0QDogyWnMFBgAlzFIcU7QWmN9uN34rnzAkI=';
export const TABLE_SCRIPT_HASH = 'sha256-0tGT+5P6YOCn0ggkeEh+gPQ/ycGTmug87i7UiTSelMI=';
export const STYLE_HASH = 'sha256-pXFTXMXF7YRyfar2+CBxfYsvtzAxq/qFsZvlujqBUx0=';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormBody, JsonBody, utf8Bytes } from '../../src/sdk/body';
import { Calibration, inputSize } from '../../src/sdk/estimate';

const NOTHING = { bytes: 0, imageTokens: 0, characters: 0, audioSeconds: 0 };
const TEMPLATE = 80;
const size = (bytes: number, imageTokens = 0): typeof NOTHING => ({ ...NOTHING, bytes, imageTokens });
const counts = fc.integer({ min: 1, max: 1_000_000 });
const answers = fc.array(fc.record({ bytes: counts, images: fc.integer({ min: 0, max: 20_000 }), tokens: counts }), {
  minLength: 1,
  maxLength: 30,
});

describe('Calibration', () => {
  it('bounds never lie below what was seen of requests of the same size', () => {
    fc.assert(
      fc.property(answers, (history) => {
        const calibration = new Calibration();
        for (const { bytes, images, tokens } of history) calibration.learn('m', size(bytes, images), tokens);
        for (const { bytes, images, tokens } of history) {
          expect(calibration.bound('m', size(bytes, images), undefined)).toBeGreaterThanOrEqual(tokens);
        }
      }),
    );
  });

  it('bounds only rise, and hold a token per byte, the images and the template', () => {
    fc.assert(
      fc.property(answers, counts, (history, bytes) => {
        const calibration = new Calibration();
        let before = calibration.bound('m', size(bytes, 5), undefined);
        expect(before).toBe(bytes + 5 + TEMPLATE);
        for (const answer of history) {
          calibration.learn('m', size(answer.bytes, answer.images), answer.tokens);
          const after = calibration.bound('m', size(bytes, 5), undefined);
          expect(after).toBeGreaterThanOrEqual(before);
          before = after;
        }
        expect(calibration.bound('other', size(bytes, 5), undefined)).toBe(bytes + 5 + TEMPLATE);
      }),
    );
  });

  it('estimates are whole, and never above the bound', () => {
    fc.assert(
      fc.property(answers, counts, fc.option(counts, { nil: undefined }), (history, bytes, window) => {
        const calibration = new Calibration();
        for (const { bytes: sent, images, tokens } of history) {
          calibration.learn('m', size(sent, images), tokens);
          const estimate = calibration.estimate('m', size(bytes), window);
          expect(Number.isInteger(estimate)).toBe(true);
          expect(estimate).toBeGreaterThanOrEqual(0);
          expect(estimate).toBeLessThanOrEqual(calibration.bound('m', size(bytes), window));
        }
      }),
    );
  });

  it('a prompt is never longer than the context window', () => {
    const calibration = new Calibration();
    expect(calibration.bound('m', size(1_000_000), 131_072)).toBe(131_072);
    expect(calibration.estimate('m', size(1_000_000), 131_072)).toBe(131_072);
    expect(calibration.bound('m', size(100), 131_072)).toBe(180);
  });

  it('estimates begin at four bytes a token, and come to what the model shows', () => {
    const calibration = new Calibration();
    expect(calibration.estimate('m', size(1000), undefined)).toBe(250 + TEMPLATE);
    for (let calls = 0; calls < 100; calls++) calibration.learn('m', size(1000), 500 + TEMPLATE);
    const estimate = calibration.estimate('m', size(1000), undefined);
    expect(estimate).toBeGreaterThanOrEqual(500 + TEMPLATE);
    // The template is not counted twice.
    expect(estimate).toBeLessThanOrEqual(505 + TEMPLATE);
  });

  it('short prompts do not spoil the estimate of long ones', () => {
    const calibration = new Calibration();
    for (let calls = 0; calls < 100; calls++) calibration.learn('m', size(32), 8 + 67);
    expect(calibration.estimate('m', size(40_000), undefined)).toBeLessThanOrEqual(1.5 * (10_000 + TEMPLATE));
  });

  it('what a picture turns out to cost, so does each of several', () => {
    const calibration = new Calibration();
    calibration.learn('m', size(100, 2048), 100 + 5000 + TEMPLATE);
    expect(calibration.bound('m', size(100, 3 * 2048), undefined)).toBe(100 + 3 * 5000 + TEMPLATE);
    expect(calibration.estimate('m', size(100, 2048), undefined)).toBe(25 + 5000 + TEMPLATE);
    // And text without pictures costs no more for it.
    expect(calibration.bound('m', size(100), undefined)).toBe(100 + TEMPLATE);
  });

  it('a number that cannot be does not stop the calls that follow', () => {
    const calibration = new Calibration();
    calibration.learn('m', size(100), 2 ** 52);
    expect(calibration.bound('m', size(100), undefined)).toBe(100 + TEMPLATE);
  });

  it('learns nothing from what has no bytes, and of no more than 1,000 models', () => {
    const calibration = new Calibration();
    calibration.learn('m', size(0), 1_000_000);
    expect(calibration.bound('m', size(0), undefined)).toBe(TEMPLATE);
    for (let model = 0; model <= 1000; model++) calibration.learn(`m${model}`, size(1), 1000);
    expect(calibration.bound('m999', size(1), undefined)).toBe(1000);
    expect(calibration.bound('m1000', size(1), undefined)).toBe(81);
  });
});

describe('inputSize', () => {
  const URL = `data:image/png;base64,${'A'.repeat(100_000)}`;
  const image = (url: string): object => ({ type: 'image_url', image_url: { url } });
  const chat = (content: unknown): JsonBody => JsonBody.of({ model: 'm', messages: [{ role: 'user', content }] });
  const VISION = { kind: 'vision' as const };

  it('counts text by its bytes', () => {
    expect(inputSize('chat', chat('ä€😀'), undefined)).toEqual(size(utf8Bytes('[{"role":"user","content":"ä€😀"}]')));
  });

  it.each<readonly [string, unknown, number, number]>([
    ['one', [image(URL)], 1, URL.length],
    ['as a string', [{ type: 'image_url', image_url: URL }], 1, URL.length],
    ['several, with text', [{ type: 'text', text: 'what?' }, image(URL), image('https://x.test/y.png')], 2, URL.length + 20],
    ['of the Responses endpoint', [{ type: 'input_image', image_url: URL }], 1, URL.length],
    [
      'without an address',
      [{ type: 'image_url' }, { type: 'image_url', image_url: null }, { type: 'image_url', image_url: { url: 5 } }],
      3,
      0,
    ],
    ['of another kind', [{ type: 'image', image_url: { url: 'x' } }], 0, 0],
    ['that is only mentioned', 'send me an image_url', 0, 0],
  ])('images: %s', (_, content, images, bytes) => {
    const body = chat(content);
    const text = body.promptBytes();
    expect(inputSize('chat', body, VISION)).toEqual(size(text - bytes, 2048 * images));
    expect(inputSize('chat', body, { ...VISION, imageTokens: 10 })).toEqual(size(text - bytes, 10 * images));
    // A model that cannot see is charged for the text.
    expect(inputSize('chat', body, { kind: 'chat' })).toEqual(size(text));
    expect(inputSize('chat', body, undefined)).toEqual(inputSize('chat', body, VISION));
  });

  it('images of `input` count as those of `messages` do', () => {
    const body = JsonBody.of({ model: 'm', input: [{ role: 'user', content: [{ type: 'input_image', image_url: URL }] }] });
    expect(inputSize('responses', body, VISION)).toEqual(size(body.promptBytes() - URL.length, 2048));
  });

  it('images inside of something that calls itself one are all counted', () => {
    const short = image('https://x.test');
    const body = JsonBody.of({ messages: [{ role: 'user', type: 'image_url', content: [short, short, short] }] });
    expect(inputSize('chat', body, VISION).imageTokens).toBeGreaterThanOrEqual(3 * 2048);
  });

  it('never counts less than nothing, whatever calls itself an image', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, two) => {
        const content = [
          { type: 'image_url', image_url: one },
          { type: 'input_image', image_url: { url: two } },
        ];
        expect(inputSize('chat', chat(content), VISION).bytes).toBeGreaterThan(0);
      }),
    );
  });

  it('speech counts characters, audio its longest length', () => {
    expect(inputSize('speech', JsonBody.of({ input: 'héllo' }), undefined)).toEqual({ ...NOTHING, characters: 5 });
    expect(inputSize('speech', JsonBody.of({ input: 5 }), undefined)).toEqual(NOTHING);
    const form = (fields: Record<string, string | Blob>): FormBody => {
      const data = new FormData();
      for (const [field, value] of Object.entries(fields)) data.append(field, value);
      return FormBody.of(data);
    };
    const file = new Blob([new Uint8Array(2500)]);
    expect(inputSize('audio', form({ file, prompt: 'ab' }), undefined)).toEqual({ ...NOTHING, bytes: 2, audioSeconds: 3 });
    // What is answered is billed, also if there was nothing to hear.
    expect(inputSize('audio', form({ file: new Blob([]) }), undefined)).toEqual({ ...NOTHING, audioSeconds: 1 });
    expect(inputSize('audio', form({ file }), undefined, 0.5)).toEqual({ ...NOTHING, audioSeconds: 0.5 });
    // Fetched by the provider: as long as it accepts at most.
    for (const body of [
      form({ url: 'https://x.test' }),
      form({ file, url: 'https://x.test' }),
      form({}),
      JsonBody.of({ url: 'https://x.test' }),
    ]) {
      expect(inputSize('audio', body, undefined).audioSeconds).toBe(100_000);
    }
  });

  it('is nothing where nothing is sent, or nothing costs', () => {
    expect(inputSize('chat', undefined, undefined)).toEqual(NOTHING);
    expect(inputSize('free', chat('hi'), undefined)).toEqual(NOTHING);
  });
});

import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core';

/** Where Chromium is, unless the environment says otherwise. */
const CHROMIUM_PATH = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** For `engineAtHand`. */
export const chromiumAnswers = (): Promise<void> => access(CHROMIUM_PATH, constants.X_OK);

/** An opened page, and all that it did that a page of this kind should not do. */
export interface Opened {
  readonly page: Page;
  /** Addresses asked for, other than its own; console messages, errors, dialogs. */
  readonly noise: readonly string[];
}

/** Opens pages from files, each in a browser context of its own. */
export interface PageOpener {
  open(html: string, options?: BrowserContextOptions): Promise<Opened>;
  close(): Promise<void>;
}

export async function pageOpener(): Promise<PageOpener> {
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM_PATH, args: ARGUMENTS });
  const directory = await mkdtemp(join(tmpdir(), 'report-page-'));
  let files = 0;
  return {
    open: async (html, options = {}) => {
      const path = join(directory, `${++files}.html`);
      await writeFile(path, html);
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      const page = await context.newPage();
      const url = pathToFileURL(path).href;
      const noise: string[] = [];
      page.on('request', (request) => request.url() === url || noise.push(`request ${request.url()}`));
      page.on('console', (message) => noise.push(`${message.type()} ${message.text()}`));
      page.on('pageerror', (error) => noise.push(`error ${error.message}`));
      page.on('dialog', (dialog) => {
        noise.push(`dialog ${dialog.message()}`);
        void dialog.dismiss();
      });
      await page.goto(url);
      return { page, noise };
    },
    close: async () => {
      await browser.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

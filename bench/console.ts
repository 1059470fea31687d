import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { startChild, startShadowctl } from './support/child.ts';
import { fillWithDrift } from './support/drift-ledger.ts';
import { interleave } from './support/interleave.ts';
import { machine, print, table } from './support/report.ts';
import { spread } from './support/stats.ts';

/**
 * The console in a real browser, beside the same page as finished HTML: from the start of the navigation until the first
 * row of the drift list is painted, in a fresh browser context each time (nothing cached), with 10,000 rows in the ledger.
 */
const REPETITIONS = Number(process.env['REPETITIONS'] ?? 11);
const ROWS = Number(process.env['ROWS'] ?? 10_000);

/** Runs in the page before anything of it: notes when a frame with the first row was about to be shown. */
const WATCH = `
  const look = () => {
    if (globalThis.usefulAt !== undefined) return;
    if (document.querySelector('tbody tr') === null) return;
    globalThis.usefulAt = 0;
    requestAnimationFrame(() => requestAnimationFrame(() => { globalThis.usefulAt = performance.now(); }));
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
`;

const READ = `({
  usefulMs: globalThis.usefulAt,
  contentMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
})`;

interface Paint {
  readonly usefulMs: number;
  readonly contentMs: number;
}

async function paint(browser: Browser, url: string): Promise<Paint> {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 } });
  try {
    const page = await context.newPage();
    await page.addInitScript(WATCH);
    await page.goto(url);
    for (;;) {
      const seen = (await page.evaluate(READ)) as Partial<Paint>;
      if ((seen.usefulMs ?? 0) > 0 && (seen.contentMs ?? 0) > 0) return seen as Paint;
    }
  } finally {
    await context.close();
  }
}

/** The list as it stands in the browser, with its styles inside and no script. */
async function finishedPage(browser: Browser, url: string): Promise<string> {
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForSelector('tbody tr');
  const html = (await page.evaluate('document.documentElement.outerHTML')) as string;
  const style = (await page.evaluate(
    `[...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).map((rule) => rule.cssText).join('')`,
  )) as string;
  await page.close();
  const bare = html.replaceAll(/<script[^]*?<\/script>|<link[^>]*>/g, '');
  return `<!doctype html>${bare.replace('</head>', `<style>${style}</style></head>`)}`;
}

const folder = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'bench-console-'));
try {
  print(machine());
  await fillWithDrift(join(folder, 'ledger.sqlite'), ROWS);
  const store = `sqlite:${join(folder, 'ledger.sqlite')}`;
  const args = ['serve', '--listen', '127.0.0.1:0', '--store', store, '--mqtt', 'mqtt://127.0.0.1:1', '--log', 'error'];
  const server = await startShadowctl(args, /(http:\/\/127\.0\.0\.1:\d+)/);
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const ours = `${server.ready[1] ?? ''}/drift`;
  writeFileSync(join(folder, 'page.html'), await finishedPage(browser, ours));
  const bare = await startChild<{ url: string }>('static-page', { path: join(folder, 'page.html') });
  const { console: mine = [], finished = [] } = await interleave(REPETITIONS, {
    console: () => paint(browser, ours),
    finished: () => paint(browser, bare.ready.url),
  });
  const row = (name: string, paints: readonly Paint[]) => [
    name,
    spread(
      paints.map(({ contentMs }) => contentMs),
      0,
    ),
    spread(
      paints.map(({ usefulMs }) => usefulMs),
      0,
    ),
  ];
  print(
    `\nThe drift page with ${ROWS.toLocaleString('en-US')} rows in the ledger, fresh context each time, Chromium ${browser.version()}\n`,
  );
  print(
    table(
      ['page', 'first contentful paint ms', 'first useful paint ms'],
      [row('console', mine), row('the same as finished HTML', finished)],
    ),
  );
  const ratios = mine.map(({ usefulMs }, at) => usefulMs / (finished[at]?.usefulMs ?? NaN));
  print(`ratio ${spread(ratios)} (goal: first useful paint under 1,000 ms)`);
  await browser.close();
  await bare.stop();
  await server.stop();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM_HINT, hasChromium } from '../support/chromium.ts';
import { ConsoleWorld, type Tab } from '../support/console-world.ts';
import { eventually } from '../support/eventually.ts';
import { fresh } from '../support/fresh.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>\u202egpj`;

describe.skipIf(!hasChromium)(`the console in Chromium (${CHROMIUM_HINT})`, () => {
  let world: ConsoleWorld;
  const tabs: Tab[] = [];
  const open = async (path: string, options?: Parameters<ConsoleWorld['tab']>[1]): Promise<Tab> => {
    const tab = await world.tab(path, options);
    tabs.push(tab);
    return tab;
  };

  beforeAll(async () => {
    world = await ConsoleWorld.open();
  });
  afterAll(() => world.close());
  afterEach(async () => {
    const closing = tabs.splice(0);
    for (const { context } of closing) await context.close();
    expect(closing.flatMap(({ faults }) => faults)).toEqual([]);
  });

  test('why is this heater not at its target: the page names the refusal, its code and what to do', async () => {
    const name = fresh('heater-why');
    const { hardware } = await world.device(name, { '/targetC': 19 });
    hardware.obey = ({ field }) => ({
      field,
      result: 'refused',
      code: 'valve_jammed',
      message: 'the valve does not move',
    });
    const { id } = await world.set(name, { targetC: 22 }, { onEnd: 'keep' });
    await eventually(async () => (await world.verdict(id)) === 'failed');

    const { page } = await open(`/drift?thing=${name}`);
    const row = page.locator('tbody tr');
    await row.getByText('valve_jammed: the valve does not move').waitFor();
    expect(await row.getByText('22', { exact: true }).count()).toBe(1);
    await row.getByRole('link', { name }).click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
    await page.getByRole('cell', { name: 'refused' }).first().waitFor();
    await page.getByRole('cell', { name: /valve_jammed: the valve does not move.*set a value it accepts/ }).waitFor();
    await page.getByRole('cell', { name: 'app its command' }).waitFor();
    await page.getByRole('link', { name: 'failed' }).first().click();
    await page.getByText('The device refused a field').waitFor();
    await page.getByText('valve_jammed').first().waitFor();
  });

  test('a change arrives live, without a reload', async () => {
    const name = fresh('heater-live');
    const { hardware } = await world.device(name, { '/targetC': 19 });
    const { page } = await open(`/things/${name}`);
    await page.getByRole('cell', { name: '19', exact: true }).waitFor();

    const { id } = await world.set(name, { targetC: 23 });
    await page.getByRole('cell', { name: 'as desired' }).waitFor();
    expect(await page.getByRole('cell', { name: '23', exact: true }).count()).toBe(2);
    await eventually(async () => (await world.verdict(id)) === 'succeeded');

    hardware.turn('/targetC', 17);
    await page.getByRole('cell', { name: '23', exact: true }).first().waitFor();
  });

  test('after a refusal a person retries from the page, with a reason, and sees the new command succeed', async () => {
    const name = fresh('heater-retry');
    const { hardware } = await world.device(name, { '/targetC': 19 });
    hardware.obey = ({ field }) => ({ field, result: 'refused', code: 'jammed', message: 'stuck' });
    const { id } = await world.set(name, { targetC: 22 });
    await eventually(async () => (await world.verdict(id)) === 'failed');
    hardware.obey = (change) => hardware.set(change);

    const { page } = await open(`/commands/${id}`);
    await page.getByRole('button', { name: 'Retry' }).click();
    const dialog = page.getByRole('dialog', { name: 'Retry' });
    await dialog.getByLabel(/Reason/).fill('valve was freed');
    await dialog.getByRole('button', { name: 'Send it again' }).click();
    await page.waitForURL((url) => url.pathname.startsWith('/commands/') && !url.pathname.endsWith(id));
    await page.getByText('The device reported every field as desired.').waitFor();
    await page.getByRole('link', { name: id }).waitFor();
    expect(await page.getByText('valve was freed').count()).toBeGreaterThan(0);
  });

  test('an action: the page shows its progress live, then what the device answered, as text', async () => {
    const name = fresh('door-action');
    let answer: (result: string) => void = () => undefined;
    await world.device(
      name,
      { '/locked': true },
      {
        unlock: {
          idempotent: false,
          handler: async ({ progress }) => {
            progress({ percent: 40, text: 'turning the bolt' });
            return { result: { opened: await new Promise<string>((resolve) => (answer = resolve)) } };
          },
        },
      },
    );
    const { id } = await world.send(name, 'unlock', { args: { visitor: HOSTILE } });
    const { page } = await open(`/commands/${id}`);
    await page.getByText('turning the bolt').first().waitFor();
    await page.getByText('unlock', { exact: true }).first().waitFor();
    expect(await page.getByText('<img src=x onerror=').count()).toBeGreaterThan(0);

    answer('the front door');
    await page.getByText('the front door').first().waitFor();
    await page.getByText('succeeded').first().waitFor();
    expect(await world.verdict(id)).toBe('succeeded');
    expect(await page.title()).not.toBe('owned');
  });

  test('the page of a thing lists its actions beside its commands, and thing/(direct) leads to them', async () => {
    const name = fresh('heater-actions');
    await world.device(
      name,
      { '/targetC': 19 },
      { restart: { idempotent: true, handler: () => Promise.resolve({ result: {} }) } },
    );
    await world.set(name, { targetC: 21 });
    const ids: string[] = [];
    for (let count = 0; count < 6; count += 1) {
      ids.push((await world.send(name, 'restart', { args: { count } })).id);
    }
    const { page } = await open(`/things/${name}`);
    await page.getByRole('heading', { name: 'Actions', exact: true }).waitFor();
    await page.getByRole('cell', { name: 'restart {"count":5}' }).waitFor();
    expect(await page.getByRole('cell', { name: 'restart {"count":0}' }).count()).toBe(0);
    await page.getByRole('link', { name: 'All actions' }).click();
    await page.getByRole('cell', { name: 'restart {"count":0}' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.getByRole('link', { name: 'classic shadow' }).click();
    await page.getByRole('cell', { name: '/targetC = 21' }).waitFor();

    await page.goto(`${world.url}/commands?thing=${name}`);
    await page
      .getByRole('link', { name: `${name}/(direct)` })
      .first()
      .click();
    await page.getByRole('link', { name: 'actions', exact: true }).waitFor();
    expect(await page.getByRole('heading', { name: 'What was asked and what it says' }).count()).toBe(0);
    await page.locator(`a[href="/commands/${ids[0]}"]`).click();
    await page.waitForURL(`**/commands/${ids[0]}`);
  });

  test('an action that waits for a device that is away is called off from the page', async () => {
    const name = fresh('door-away');
    const { device } = await world.device(name, { '/locked': true });
    await device.stop();
    const { id } = await world.send(name, 'unlock', { expiresInMs: 600_000 });
    const { page } = await open(`/commands/${id}`);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Cancel' });
    await dialog.getByLabel(/Reason/).fill('the visitor left');
    await dialog.getByRole('button', { name: 'Cancel the command' }).click();
    await page.getByText('cancelled').first().waitFor();
    await eventually(async () => (await page.getByText('the visitor left').count()) > 0);
    expect(await world.verdict(id)).toBe('withdrawn');
  });

  test('an answer that is lost says that it may have been done', async () => {
    const name = fresh('door-lost');
    const { device } = await world.device(name, { '/locked': true });
    await device.stop();
    const { id } = await world.send(name, 'unlock', { expiresInMs: 600_000 });
    const { page, faults } = await open(`/commands/${id}`);
    // The request is taken; what is lost is the answer.
    await page.route('**/cancel', async (route) => {
      await route.fetch();
      await route.abort('connectionreset');
    });
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Cancel' });
    await dialog.getByLabel(/Reason/).fill('the visitor left');
    await dialog.getByRole('button', { name: 'Cancel the command' }).click();
    await page.getByText('No answer came: it may have been done. Look before you do it again.').waitFor();
    expect(await world.verdict(id)).toBe('withdrawn');
    expect(faults.splice(0)).toEqual([expect.stringContaining('ERR_CONNECTION_RESET')]);
  });

  test('two operators at once: the second cancel is told that the command has ended', async () => {
    const name = fresh('heater-two');
    const { hardware } = await world.device(name, { '/targetC': 19 });
    hardware.obey = () => new Promise(() => undefined);
    const { id } = await world.set(name, { targetC: 22 });
    const [ann, bob] = [await open(`/commands/${id}`), await open(`/commands/${id}`)];
    for (const { page } of [ann, bob]) await page.getByRole('button', { name: 'Cancel' }).click();

    await ann.page.getByRole('button', { name: 'Cancel the command' }).click();
    await ann.page.getByText('Taken back by its author or an operator.').waitFor();
    await bob.page.getByRole('button', { name: 'Cancel the command' }).click();
    await bob.page.getByRole('alert').getByText('command ended').waitFor();
  });

  test('a device goes offline and comes back: the page says so both times', async () => {
    const name = fresh('heater-away');
    const { device } = await world.device(name, { '/targetC': 19 });
    const { page } = await open(`/things/${name}`);
    const presence = page.locator('p.lead');
    await presence.getByText('● online').waitFor();
    await device.stop();
    await presence.getByText('○ offline').waitFor({ timeout: 25_000 });
    await world.device(name, { '/targetC': 19 });
    await presence.getByText('● online').waitFor({ timeout: 25_000 });
  }, 90_000);

  test('E-01: a hostile field name and value are shown as text and do nothing', async () => {
    const name = fresh('heater-evil');
    await world.device(name, { [`/${HOSTILE.replaceAll('/', '~1')}`]: HOSTILE });
    await world.set(
      name,
      { targetC: 1 },
      { author: HOSTILE.replaceAll('\u202e', ''), reason: HOSTILE.replaceAll('\u202e', '') },
    );
    const { page } = await open(`/things/${name}`);
    await page.getByText('<img src=x').first().waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.locator('main').innerText()).not.toContain('\u202e');
    expect(await page.title()).not.toContain('owned');
    await page.goto(`${world.url}/commands`);
    await page.getByText('<img src=x').first().waitFor();
    expect(await page.title()).not.toContain('owned');
  });

  test('by keyboard alone: skip link, pages, a dialog that keeps and gives back the focus', async () => {
    const name = fresh('heater-keys');
    await world.device(name, { '/targetC': 19 });
    const { page } = await open(`/things/${name}`);
    const focused = () => page.locator(':focus').innerText();
    await page.getByRole('button', { name: 'Set a value' }).waitFor();

    await page.keyboard.press('Tab');
    expect(await focused()).toContain('Skip to the content');
    await page.getByRole('button', { name: 'Set a value' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.getByLabel(/JSON Pointer/).fill('/targetC');
    await page.keyboard.press('Tab');
    await page.keyboard.type('24');
    await page.keyboard.press('Escape');
    expect(await focused()).toBe('Set a value');

    // The focus is back before the page has heard that the dialog closed.
    await page.locator('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('Enter');
    await page.getByLabel(/JSON Pointer/).fill('/targetC');
    await page.keyboard.press('Tab');
    await page.keyboard.type('24');
    await page.keyboard.press('Enter');
    await page.getByText('The device reported every field as desired.').waitFor();
    expect(await focused()).toBe('Command');
  });

  test('a refused field that is asked for again is pending on its page, and the drift list leads to the open command', async () => {
    const name = fresh('heater-again');
    const { hardware, device } = await world.device(name, { '/targetC': 19 });
    hardware.obey = ({ field }) => ({ field, result: 'refused', code: 'jammed', message: 'stuck' });
    const refused = await world.set(name, { targetC: 22 });
    await eventually(async () => (await world.verdict(refused.id)) === 'failed');
    await device.stop();
    const { id } = await world.set(name, { targetC: 23 });

    const { page } = await open(`/drift?thing=${name}`);
    await page.getByText('was refused, asked for again').waitFor();
    expect(await page.getByText('no longer asked for').count()).toBe(0);
    await page.getByRole('rowheader').getByRole('link', { name }).click();
    await page.getByRole('row', { name: /targetC.*pending/ }).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: 'the open command' }).click();
    await page.waitForURL(`**/commands/${id}`);
  });

  test('a drift entry is acknowledged from the list and leaves it, counted', async () => {
    const name = fresh('heater-ack');
    const { hardware } = await world.device(name, { '/targetC': 19 });
    hardware.obey = ({ field }) => ({ field, result: 'refused', code: 'jammed', message: 'stuck' });
    const { id } = await world.set(name, { targetC: 22 }, { onEnd: 'keep' });
    await eventually(async () => (await world.verdict(id)) === 'failed');
    const { page } = await open(`/drift?thing=${name}`);
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByRole('button', { name: 'Acknowledge it' }).click();
    await page.getByText('Nothing differs here.').waitFor();
    await page.getByText('1 acknowledged').waitFor();
  });

  test('drift is ignored from the list by a rule with a reason and an end, counted, and shown again without it', async () => {
    const name = fresh('heater-rule');
    const { hardware } = await world.device(name, { '/targetC': 19 });
    hardware.obey = ({ field }) => ({ field, result: 'refused', code: 'jammed', message: 'stuck' });
    const { id } = await world.set(name, { targetC: 22 }, { onEnd: 'keep' });
    await eventually(async () => (await world.verdict(id)) === 'failed');
    const { page } = await open(`/drift?thing=${name}`);
    await page.getByRole('button', { name: 'Ignore' }).click();
    const dialog = page.getByRole('dialog', { name: 'Ignore' });
    await dialog.getByRole('button', { name: 'Add the rule' }).click();
    expect(await dialog.isVisible()).toBe(true); // no reason, no rule
    await dialog.getByLabel('Reason').fill('off until spring');
    await dialog.getByLabel('Ends after').selectOption('7');
    await dialog.getByRole('button', { name: 'Add the rule' }).click();
    await page.getByText('Nothing differs here.').waitFor();
    await page.getByText('1 ignored by rule').waitFor();

    await page.getByRole('link', { name: 'Ignore rules' }).click();
    await page.getByText(/^Rules: \d+\. Differing fields they leave out of the report: [1-9]/).waitFor();
    const row = page.getByRole('row', { name: new RegExp(name) });
    await row.getByText('off until spring').waitFor();
    await row.getByText('in 6 d').waitFor();
    await row.getByRole('link', { name: '1 field' }).click();
    await page.getByText('Only what one ignore rule leaves out').waitFor();
    expect(await page.getByRole('link', { name: /^heater-/ }).allInnerTexts()).toEqual([name]);
    await page.goBack();
    await row.getByRole('button', { name: 'Remove' }).click();
    await page.getByRole('button', { name: 'Remove the rule' }).click();
    await row.waitFor({ state: 'detached' });
    await page.goto(`${world.url}/drift?thing=${name}`);
    await page.getByRole('link', { name }).waitFor();
  });

  test('C-15, C-16, E-01, E-03: the page may load nothing else, hold no script of its own and stand in no frame', async () => {
    const response = await fetch(`${world.url}/drift`);
    const policy = response.headers.get('content-security-policy') ?? '';
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"]) {
      expect(policy).toContain(part);
    }
    expect(response.headers.get('set-cookie')).toBeNull(); // no session, so nothing that another site could ride on
    expect(await response.text()).not.toMatch(/<script(?![^>]* src=)[^>]*>/);
  });

  test('E-16: what a person copies from the page is the escaped text, not the hidden characters', async () => {
    const name = fresh('heater-copy');
    await world.device(name, { '/note': 'pay\u200bpal\u202egpj.exe' });
    const { page } = await open(`/things/${name}`);
    await page.getByText('\\u202e').first().waitFor();
    const copied = (await page.evaluate(
      `(getSelection().selectAllChildren(document.querySelector('main')), String(getSelection()))`,
    )) as string;
    expect(copied).toContain('\\u202e');
    expect(copied).not.toMatch(/[\u200b\u202e]/);
  });

  test('E-02: an address that a device reports is text, never a link', async () => {
    const name = fresh('heater-link');
    await world.device(name, { '/manual': 'javascript:alert(1)', '/home': 'https://evil.example/' });
    const { page } = await open(`/things/${name}`);
    await page.getByText('javascript:alert(1)').first().waitFor();
    const targets = (await page
      .locator('main a')
      .evaluateAll((links) => links.map((link) => (link as unknown as { href: string }).href))) as string[];
    expect(targets.filter((target) => !target.startsWith(world.url))).toEqual([]);
  });

  test.each([
    ['/', 'light'],
    ['/drift/rules', 'dark'],
    ['/drift', 'dark'],
    ['/commands', 'light'],
    ['/things/heater-axe', 'light'],
    ['/things/heater-axe', 'dark'],
    ['/nowhere', 'light'],
  ] as const)('%s (%s) has no accessibility violation that axe can see', async (path, colorScheme) => {
    if (path.includes('heater-axe') && world.simulator.document('heater-axe') === undefined) {
      await world.device('heater-axe', { '/targetC': 19 });
      await world.set('heater-axe', { targetC: 20, missing: true });
    }
    const { page } = await open(path, { colorScheme, bypassCSP: true });
    if (path === '/nowhere') return expect(await page.locator('body').innerText()).toContain('not_found');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await eventually(async () => (await page.locator('main').innerText()).length > 30);
    await page.addScriptTag({ content: AXE });
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run: (options: object) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const { violations } = await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
    });
    expect(found).toEqual([]);
  });

  test('the whole script stays under 60 KB gzip', async () => {
    const { page } = await open('/');
    const sources = await page
      .locator('script[src]')
      .evaluateAll((scripts) => scripts.map((script) => (script as unknown as { src: string }).src));
    const bodies = await Promise.all(
      sources.map(async (source) => Buffer.from(await (await fetch(source)).arrayBuffer())),
    );
    expect(bodies.length).toBeGreaterThan(0);
    expect(bodies.reduce((sum, body) => sum + gzipSync(body).byteLength, 0)).toBeLessThan(60 * 1024);
  });
});

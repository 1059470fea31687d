import type { Browser, BrowserContext, Page } from 'playwright-core';
import { startSimulator, type Simulator } from '../../simulators/testing.ts';
import { composeDevice } from '../../src/compose-device.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/json.ts';
import { NO_MODEL } from '../../src/core/model/model.ts';
import type { CommandOffer } from '../../src/device/command-handler.ts';
import type { Device } from '../../src/device/device.ts';
import { eventually } from './eventually.ts';
import { startShadowctl, type Started } from './shadowctl.ts';
import { openChromium } from './chromium.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { TestHardware, thing } from './test-device.ts';

/** A local cloud, a real server process and a real browser. Devices come and go as a test likes. */
export class ConsoleWorld {
  readonly simulator: Simulator;
  readonly url: string;
  readonly #server: Started;
  readonly #browser: Browser;
  readonly #closeBrowser: () => Promise<void>;
  readonly #folder: ReturnType<typeof temporaryFolder>;
  readonly #devices = new Set<Device>();

  private constructor(parts: {
    simulator: Simulator;
    url: string;
    server: Started;
    browser: Browser;
    closeBrowser: () => Promise<void>;
    folder: ReturnType<typeof temporaryFolder>;
  }) {
    this.simulator = parts.simulator;
    this.url = parts.url;
    this.#server = parts.server;
    this.#browser = parts.browser;
    this.#closeBrowser = parts.closeBrowser;
    this.#folder = parts.folder;
  }

  static async open(): Promise<ConsoleWorld> {
    const simulator = await startSimulator();
    const folder = temporaryFolder();
    const store = `sqlite:${folder.path('ledger.sqlite')}`;
    const args = ['serve', '--listen', '127.0.0.1:0', '--store', store, '--mqtt', simulator.mqttUrl, '--log', 'error'];
    const server = startShadowctl(args);
    const url = await eventually(() => /http:\/\/127\.0\.0\.1:\d+/.exec(server.stdout() + server.stderr())?.[0]);
    const { browser, close: closeBrowser } = await openChromium();
    return new ConsoleWorld({ simulator, url, server, browser, closeBrowser, folder });
  }

  /** A tab, and everything that went wrong in it: errors, refused requests, requests to elsewhere. */
  async tab(path: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Tab> {
    const context = await this.#browser.newContext({ locale: 'en-GB', ...options });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of 40[49]/.test(message.text()))
        faults.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(this.url)) faults.push(`elsewhere: ${request.url()}`);
    });
    await page.goto(this.url + path);
    return { page, context, faults };
  }

  async device(
    thingName: string,
    values: Readonly<Record<string, JsonValue>>,
    commands: Readonly<Record<string, CommandOffer>> = {},
  ): Promise<{ device: Device; hardware: TestHardware }> {
    const hardware = new TestHardware(values);
    const composed = composeDevice({
      thingName: thing(thingName),
      shadows: [{ model: NO_MODEL, adapters: [hardware] }],
      mqtt: { url: this.simulator.mqttUrl },
    });
    if (!composed.ok) throw new Error(composed.problem.message);
    const device = composed.value;
    this.#devices.add(device);
    for (const [name, offer] of Object.entries(commands)) device.onCommand(name, offer);
    await device.start();
    await eventually(() => this.simulator.document(thingName)?.state.reported !== undefined);
    return { device, hardware };
  }

  set(thingName: string, desired: JsonObject, more: JsonObject = {}): Promise<{ id: string }> {
    return this.#post(thingName, { desired, ...more });
  }

  send(thingName: string, name: string, more: JsonObject = {}): Promise<{ id: string }> {
    return this.#post(thingName, { kind: 'direct', name, ...more });
  }

  async #post(thingName: string, body: JsonObject): Promise<{ id: string }> {
    const response = await fetch(`${this.url}/v1/things/${thingName}/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ author: 'app', ...body }),
    });
    return (await response.json()) as { id: string };
  }

  async verdict(id: string): Promise<string> {
    const command = (await (await fetch(`${this.url}/v1/commands/${id}`)).json()) as { verdict: string };
    return command.verdict;
  }

  async close(): Promise<void> {
    await this.#closeBrowser();
    for (const device of this.#devices) await device.stop();
    this.#server.process.kill('SIGTERM');
    await this.#server.ended;
    await this.simulator.stop();
    this.#folder.remove();
  }
}

export interface Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly faults: string[];
}

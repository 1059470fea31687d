import type { Elements } from './elements.ts';
import type { Passage } from './passage.ts';
import { Session, type Peer } from './session.ts';

/** What is kept for a client that is away. */
interface Held {
  /** The one that ended: its subscriptions go on. */
  readonly session: Session;
  readonly messages: { readonly topic: string; readonly payload: Uint8Array }[];
}

const HELD_MESSAGES_MAX = 50;

/** Who is connected, who gets which message, and what is kept for those who are away. */
export class Sessions {
  readonly #elements: Elements;
  readonly #passage: Passage;
  readonly #open = new Map<string, Session>();
  readonly #held = new Map<string, Held>();
  /** Who gets what is published to a topic; found out once. */
  readonly #routes = new Map<string, readonly Session[]>();

  constructor(elements: Elements, passage: Passage) {
    this.#elements = elements;
    this.#passage = passage;
  }

  get all(): readonly Session[] {
    return [...this.#open.values()];
  }

  /** Of a client that is connected, by whichever connection. */
  by(clientId: string): Session | undefined {
    return this.#open.get(clientId);
  }

  /** Of this very connection, unless it has ended. */
  of(peer: Peer): Session | undefined {
    const session = this.#open.get(peer.clientId);
    return session?.peer === peer ? session : undefined;
  }

  open(peer: Peer): Session {
    const session = new Session(peer, this.#elements, this.#passage);
    this.#open.set(peer.clientId, session);
    return session;
  }

  close(session: Session): void {
    session.close();
    this.#open.delete(session.peer.clientId);
    this.#routes.clear();
  }

  subscribe(session: Session, filters: readonly string[]): void {
    for (const filter of filters) session.subscribe(filter);
    this.#routes.clear();
  }

  unsubscribe(session: Session, filter: string): void {
    if (session.unsubscribe(filter)) this.#routes.clear();
  }

  listened(topic: string): boolean {
    return this.#routeOf(topic).length > 0;
  }

  fanOut(topic: string, payload: Uint8Array): void {
    for (const session of this.#routeOf(topic)) session.deliver(topic, payload);
    if (!this.#elements.weather.sessionReplay) return;
    for (const { session, messages } of this.#held.values()) {
      if (messages.length < HELD_MESSAGES_MAX && session.wants(topic)) messages.push({ topic, payload });
    }
  }

  /** From now on messages are kept for the client that had this session, if the weather is so. */
  hold(session: Session): void {
    if (this.#elements.weather.sessionReplay) this.#held.set(session.peer.clientId, { session, messages: [] });
  }

  forgetHeld(): void {
    this.#held.clear();
  }

  /** What was kept for a client that was away: old deltas arrive after whatever it asks for now (A6). */
  replayTo(session: Session): void {
    const { peer } = session;
    const held = this.#held.get(peer.clientId);
    this.#held.delete(peer.clientId);
    held?.messages.forEach(({ topic, payload }, index) => {
      // Ten a second, as the service replays them (R84).
      this.#elements.after(index * 100 + this.#elements.latency(), () => {
        if (!session.open) return;
        this.#elements.hit('network.sessionReplay');
        peer.receive(topic, payload);
      });
    });
  }

  #routeOf(topic: string): readonly Session[] {
    let route = this.#routes.get(topic);
    if (route === undefined) {
      route = this.all.filter((session) => session.wants(topic));
      this.#routes.set(topic, route);
    }
    return route;
  }
}

// What happens, as it happens: one stream of server-sent events for the whole page.
//
// The browser resumes by `Last-Event-ID` itself after a short break; after a refusal, or when it gave up, we begin anew
// and tell everybody to list again. While the stream is down the page says so.
import type { Schemas } from './api/client';
import { session } from './session.svelte';

export type Change = Schemas['Change'];
type Listener = (change: Change | 'reset') => void;

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

class Live {
  /** Whether the stream is open. */
  connected = $state(true);
  #source: EventSource | undefined;
  #listeners = new Set<Listener>();
  #wait = FIRST_WAIT;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lost = false;

  start(): void {
    if (this.#source) return;
    const source = new EventSource('/v1/events');
    this.#source = source;
    source.onopen = () => {
      this.#wait = FIRST_WAIT;
      this.connected = true;
      if (this.#lost) this.#tell('reset');
      this.#lost = false;
    };
    source.onerror = () => {
      this.connected = false;
      // Closed for good: the answer was no stream. Otherwise the browser tries again by itself.
      if (source.readyState === EventSource.CLOSED) this.#again();
    };
    source.addEventListener('change', (event) => this.#tell(JSON.parse((event as MessageEvent<string>).data) as Change));
    source.addEventListener('reset', () => this.#tell('reset'));
  }

  stop(): void {
    this.#source?.close();
    this.#source = undefined;
    clearTimeout(this.#timer);
  }

  /** Tries at once. */
  retry(): void {
    this.#wait = FIRST_WAIT;
    this.stop();
    this.#lost = true;
    this.start();
  }

  on(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(change: Change | 'reset'): void {
    for (const listener of this.#listeners) listener(change);
  }

  #again(): void {
    this.stop();
    this.#lost = true;
    this.#timer = setTimeout(() => {
      void session.open().catch(() => undefined).finally(() => {
        if (session.who) this.start();
        else if (session.who === undefined) this.#again();
      });
    }, this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }
}

export const live = new Live();

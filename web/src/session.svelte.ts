// Who sits before the screen.
import { api, prove, Refused, whenSignedOut, type BrowserView } from './api/client';

class Session {
  /** `undefined`: not asked yet. `null`: nobody. */
  who = $state.raw<BrowserView | null | undefined>(undefined);
  /** The session ended while something was open: log in again over it, lose nothing. */
  lapsed = $state(false);
  #resume: (() => void)[] = [];
  /** How far our clock is behind the daemon's, in milliseconds. */
  #skew = 0;

  constructor() {
    whenSignedOut(() => this.#again());
  }

  async open(): Promise<void> {
    try {
      this.take(await api.get('/v1/browser'));
    } catch (error) {
      if (error instanceof Refused && error.problem.status === 401) this.who = null;
      else throw error;
    }
  }

  take(who: BrowserView): void {
    const before = this.who?.user ?? this.#lapsedUser;
    prove(who.proof ?? undefined);
    this.#skew = Date.parse(who.time) - Date.now();
    if (this.lapsed && before && before !== who.user) {
      // Somebody else took the seat: nothing of the former may stay on the screen.
      location.assign('/');
      return;
    }
    this.who = who;
    this.lapsed = false;
    for (const resume of this.#resume.splice(0)) resume();
  }

  may(power: string): boolean {
    return this.who?.powers?.includes(power) ?? false;
  }

  get lapsedUser(): string | undefined {
    return this.#lapsedUser;
  }

  /** Milliseconds since the epoch, by the daemon's clock. */
  now(): number {
    return Date.now() + this.#skew;
  }

  async signOut(everywhere: boolean): Promise<void> {
    if (everywhere) await api.delete('/v1/logins');
    else await api.delete('/v1/browser');
    prove(undefined);
    location.assign('/login');
  }

  #lapsedUser: string | undefined;

  #again(): Promise<void> {
    this.#lapsedUser = this.who?.user;
    this.lapsed = true;
    return new Promise((resolve) => this.#resume.push(resolve));
  }
}

export const session = new Session();

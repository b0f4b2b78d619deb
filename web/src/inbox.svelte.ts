// The requests that wait for this person's review: counted in the navigation, told about by notifications.
import { api, type RequestView } from './api/client';
import { subject } from './requests';
import { live } from './live.svelte';
import { session } from './session.svelte';

class Inbox {
  requests = $state.raw<RequestView[] | undefined>(undefined);
  error = $state.raw<unknown>(undefined);
  #known = new Set<string>();
  #following = false;

  get count(): number {
    return this.requests?.length ?? 0;
  }

  /** Loads, and keeps up from then on. */
  follow(): void {
    if (this.#following || !session.who?.can_review) return;
    this.#following = true;
    void this.load();
    live.on((change) => {
      if (change === 'reset' || change.resource === 'request') this.#soon();
    });
  }

  async load(): Promise<void> {
    try {
      const page = await api.get('/v1/requests', { query: { reviewable: 'true', state: 'pending', limit: '200' } });
      const items = page?.items ?? [];
      if (this.requests) for (const request of items) if (!this.#known.has(request.id)) this.#notify(request);
      this.#known = new Set(items.map((request) => request.id));
      this.requests = items;
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
  }

  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Several changes that come together are one reload. */
  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.load(), 80);
  }

  #notify(request: RequestView): void {
    if (!document.hidden || typeof Notification === 'undefined' || Notification.permission !== 'granted') return;
    const shown = new Notification(`${request.user} asks for ${subject(request)}`, { body: (request.reason ?? '').slice(0, 200), tag: request.id, icon: '/icon.svg' });
    shown.onclick = () => {
      focus();
      location.assign(`/requests/${request.id}`);
    };
  }
}

export const inbox = new Inbox();

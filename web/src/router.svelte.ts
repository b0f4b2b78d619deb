// Where we are: the address bar, and nothing else, says which page is shown.

export interface Place {
  path: string;
  query: URLSearchParams;
}

function here(): Place {
  return { path: location.pathname.replace(/\/+$/, '') || '/', query: new URLSearchParams(location.search) };
}

class Router {
  place = $state.raw<Place>(here());
  /** Counts moves to another page, so that focus and scrolling can follow. */
  moves = $state(0);
  #guard: (() => boolean) | undefined;

  constructor() {
    addEventListener('popstate', () => this.#arrive());
    document.addEventListener('click', (event) => this.#click(event));
    addEventListener('beforeunload', (event) => {
      if (this.#guard && !this.#guard()) event.preventDefault();
    });
  }

  /** Asked before the page is left; while it says no, a person is asked first. */
  guard(mayLeave: () => boolean): () => void {
    this.#guard = mayLeave;
    return () => {
      if (this.#guard === mayLeave) this.#guard = undefined;
    };
  }

  go(to: string, options: { replace?: boolean } = {}): void {
    if (this.#guard && !this.#guard() && !confirm('Leave this page? What you typed here is lost.')) return;
    this.#guard = undefined;
    if (options.replace) history.replaceState(null, '', to);
    else history.pushState(null, '', to);
    this.#arrive();
  }

  /** Writes filters into the address without moving. */
  search(values: Record<string, string | undefined>): void {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    const text = query.toString();
    history.replaceState(null, '', text ? `${location.pathname}?${text}` : location.pathname);
    this.place = here();
  }

  #arrive(): void {
    const before = this.place.path;
    this.place = here();
    if (before !== this.place.path) this.moves += 1;
  }

  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.pathname.startsWith('/v1/') || link.pathname === '/openapi.json') return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const router = new Router();

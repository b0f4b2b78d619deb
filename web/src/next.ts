// Where to go after logging in: only to ourselves or to what lives below our own name.

/** The address that `next` may lead to, seen from `origin`; `/` for anything that is not ours. */
export function safeNext(next: string | null | undefined, origin: string): string {
  if (!next) return '/';
  // What a browser reads as another host, it must not read here: `//evil`, `/\evil`, control characters.
  for (const character of next) if (character < ' ' || character === '\\' || character === '\u007f') return '/';
  let url: URL;
  const own = new URL(origin);
  try {
    url = new URL(next, own);
  } catch {
    return '/';
  }
  if (url.username || url.password) return '/';
  if (url.origin === own.origin) {
    const path = url.pathname + url.search + url.hash;
    return path.startsWith('//') || url.pathname === '/login' ? '/' : path;
  }
  // Applications are host names below ours, on the same port, over TLS.
  const named = /[a-z]/i.test(own.hostname) && own.hostname.includes('.') && !own.hostname.startsWith('[');
  const below = named && url.hostname.endsWith(`.${own.hostname}`) && url.hostname.length > own.hostname.length + 1;
  return url.protocol === 'https:' && own.protocol === 'https:' && url.port === own.port && below ? url.href : '/';
}

// How the UI is built: one page, lazy chunks, every file packed beforehand so that the daemon only hands bytes out.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

const PACKED = new Set(['.js', '.css', '.html', '.svg', '.webmanifest', '.txt']);

/** Writes `.br` and `.gz` beside what compresses. */
function packed(): Plugin {
  return {
    name: 'packed',
    apply: 'build',
    async closeBundle() {
      const dist = join(import.meta.dirname, 'dist');
      for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !PACKED.has(extname(entry.name))) continue;
        const path = join(entry.parentPath, entry.name);
        const bytes = await readFile(path);
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        await writeFile(`${path}.br`, brotliCompressSync(bytes, { params }));
        await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

// The daemon that `npm run dev` talks to.
const daemon = process.env['COUNTERSIGN'] ?? 'https://127.0.0.1:3080';

export default defineConfig({
  plugins: [svelte(), packed()],
  build: {
    target: 'es2023',
    // Nothing is inlined: the policy allows no `data:` addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/v1': { target: daemon, secure: false }, '/openapi.json': { target: daemon, secure: false } } },
});

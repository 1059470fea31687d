import { defineConfig } from 'vite';

// The console: static files with hashed names under dist/console, no inline script or style (its policy forbids both).
export default defineConfig({
  root: 'src/console',
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    assetsDir: 'assets',
  },
});

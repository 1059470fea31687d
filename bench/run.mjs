// `npm run bench -- NAME [arguments]`: builds, then runs bench/NAME in a process of its own.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const [name, ...rest] = process.argv.slice(2);
const program = `dist/bench/${name}.js`;
if (name === undefined || !existsSync(program)) {
  const names = readdirSync('bench')
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3));
  process.stderr.write(`usage: npm run bench -- NAME\nprograms: ${names.join(', ')}\n`);
  process.exit(2);
}
process.exit(spawnSync(process.execPath, ['--expose-gc', program, ...rest], { stdio: 'inherit' }).status ?? 1);

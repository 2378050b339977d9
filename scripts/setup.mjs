// Installs the locked dependencies when they are missing or older than the lock file. Needs nothing installed itself.
import { execSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';

const mark = 'node_modules/.package-lock.json';
if (!existsSync(mark) || statSync(mark).mtimeMs < statSync('package-lock.json').mtimeMs) {
  execSync('npm ci', { stdio: 'inherit' });
}

import { homedir } from 'node:os';

/** The user's folder; the root where there is none, as containers have it that run as a user without an entry. */
export function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

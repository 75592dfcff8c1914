export const SUPPORTED: string;
export function nodeProblem(version: string): string | undefined;

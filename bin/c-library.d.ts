export function libcProblem(getReport?: () => { header: { glibcVersionRuntime?: string } }): string | undefined;

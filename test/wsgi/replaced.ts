/** Names that are no test here, and what stands for them: a decision, or a row of the behaviour. */
export const replaced: Readonly<Record<string, string>> = {}

/** Names of eventlet's tests that are not tests here, with what replaces them: a decision, or a row of the behaviour. */
export const replaced: Readonly<Record<string, string>> = {}

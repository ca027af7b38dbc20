/**
 * The status as a page: made here, without a script.
 *
 * @since 0.2.0
 */
import type { Status } from "./Status.js"

/**
 * @since 0.2.0
 * @category conversions
 */
export const render = (status: Status): string => `<!doctype html><title>${status.name}</title>`

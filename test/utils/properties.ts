/**
 * How properties are tried, for every file: with examples as long as their `maxLength` allows, and not ten elements at most; in
 * `npm test` with one seed, so that a run gives the same result everywhere, and with more examples with another seed each time.
 */
import * as fc from "fast-check"
import { thorough } from "./runs.js"

// this runs before each file, so that nothing is left of what a file before it has set
fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true, ...thorough ? {} : { seed: 9112 } })

/** Fuzz.test.ts, with more examples. */
import "./Fuzz.test.js"

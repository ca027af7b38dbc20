/** FormSlices.test.ts, with more examples. */
import "./FormSlices.test.js"

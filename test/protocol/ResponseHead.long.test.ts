/** ResponseHead.test.ts, with more examples. */
import "./ResponseHead.test.js"

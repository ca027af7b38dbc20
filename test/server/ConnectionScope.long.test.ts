/** ConnectionScope.test.ts, with more examples. */
import "./ConnectionScope.test.js"

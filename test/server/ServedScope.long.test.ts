/** ServedScope.test.ts, with more examples. */
import "./ServedScope.test.js"

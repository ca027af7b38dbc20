/** Fairness.test.ts, with crowds of every size. */
import "./Fairness.test.js"

/** Joined.test.ts, with every kind of app. */
import "./Joined.test.js"

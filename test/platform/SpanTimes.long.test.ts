/** SpanTimes.test.ts, with every kind of app. */
import "./SpanTimes.test.js"

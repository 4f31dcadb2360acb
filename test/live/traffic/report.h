// SPDX-License-Identifier: Apache-2.0
//
// What the program says, on standard output, and why it gave up, on standard error.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_REPORT_H
#define TCPINFO_TEST_LIVE_TRAFFIC_REPORT_H

namespace traffic {

// Ends the process: what cannot go on here is the test's to report.
[[noreturn]] [[gnu::format(printf, 1, 2)]] void die(const char* format, ...);
// The same with the text of errno.
[[noreturn]] void die_errno(const char* what);

// At once, for whoever waits for the line.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

}  // namespace traffic

#endif

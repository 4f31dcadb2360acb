// SPDX-License-Identifier: Apache-2.0
//
// Defines TCPINFO_TEST_SANITIZED under sanitizers whose allocators must stay in place, and which
// make everything many times slower.
#ifndef TCPINFO_TEST_UNIT_SANITIZED_H
#define TCPINFO_TEST_UNIT_SANITIZED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TCPINFO_TEST_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TCPINFO_TEST_SANITIZED
#endif

#ifdef TCPINFO_TEST_SANITIZED
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

#endif

// SPDX-License-Identifier: Apache-2.0
//
// Catch2 is one header in Debian 12 (v2) and many in newer systems (v3).
#ifndef TCPINFO_TEST_UNIT_CATCH_H
#define TCPINFO_TEST_UNIT_CATCH_H

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
// Named as in v3, before the matchers' function of that name is found.
namespace Catch {
using Detail::Approx;
}
#endif

#endif

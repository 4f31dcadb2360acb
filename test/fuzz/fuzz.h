// SPDX-License-Identifier: Apache-2.0
//
// What fuzz targets share: the entry point of libFuzzer, and checks that stay in every build.
#ifndef TCPINFO_TEST_FUZZ_H
#define TCPINFO_TEST_FUZZ_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#define FUZZ_CHECK(condition)                                                             \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

#endif

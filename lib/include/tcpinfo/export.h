// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// What makes a name part of the ABI, how long views live, and the language level and standard
/// library that every public header needs.
#ifndef TCPINFO_EXPORT_H
#define TCPINFO_EXPORT_H

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "libtcpinfo needs C++20: compile with -std=c++20 or later"
#endif

#include <cstddef>  // says which standard library this is

#include <tcpinfo/config.h>

#if TCPINFO_BUILT_WITH_LIBSTDCXX && defined(_LIBCPP_VERSION)
#error "this libtcpinfo was built with libstdc++: compile without -stdlib=libc++, or build it anew"
#elif TCPINFO_BUILT_WITH_LIBCXX && !defined(_LIBCPP_VERSION)
#error \
    "this libtcpinfo was built with libc++: compile with clang++ -stdlib=libc++, or build it anew"
#endif

#if defined(__GNUC__) || defined(__clang__)
/// Marks a function or class that libtcpinfo.so exports. Everything else is hidden.
#define TCPINFO_API __attribute__((visibility("default")))
#else
#define TCPINFO_API
#endif

/// On a function that returns a view, after its parameter list (or after a parameter): the view is
/// valid as long as the object (or argument) is. clang++ warns where such an object is a temporary
/// that the view outlives (-Wdangling); g++ knows no such attribute.
#if defined(__clang__) && defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define TCPINFO_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#ifndef TCPINFO_LIFETIMEBOUND
#define TCPINFO_LIFETIMEBOUND
#endif

#endif

// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// What makes a name part of the ABI, and the language level every public header needs.
#ifndef TCPINFO_EXPORT_H
#define TCPINFO_EXPORT_H

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "libtcpinfo needs C++20: compile with -std=c++20 or later"
#endif

#if defined(__GNUC__) || defined(__clang__)
/// Marks a function or class that libtcpinfo.so exports. Everything else is hidden.
#define TCPINFO_API __attribute__((visibility("default")))
#else
#define TCPINFO_API
#endif

#endif

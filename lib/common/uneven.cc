// SPDX-License-Identifier: Apache-2.0
//
// Nothing is in here: lib/meson.build tells what it is for.

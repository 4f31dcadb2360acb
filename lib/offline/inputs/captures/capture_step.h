// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_CAPTURES_CAPTURE_STEP_H
#define TCPINFO_OFFLINE_INPUTS_CAPTURES_CAPTURE_STEP_H

#include <cstdint>

namespace tcpinfo::offline {

/// What comes next in a capture.
enum class capture_step : std::uint8_t { message, fault, end };

}  // namespace tcpinfo::offline

#endif

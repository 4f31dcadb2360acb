// SPDX-License-Identifier: Apache-2.0
//
// What is said of filters that found nothing.
#ifndef TCPINFO_OFFLINE_FILTERS_UNMET_H
#define TCPINFO_OFFLINE_FILTERS_UNMET_H

#include <functional>
#include <string_view>

#include "offline/filters/filters.h"

namespace tcpinfo::offline {

/// Says of each connection that is named and was not met that it was not. @return whether there was
/// one.
[[nodiscard]] bool tell_unmet(const filter_options& filter,
                              const std::function<void(std::string_view)>& complain);

/// Says it where nothing passed the filters, which is no fault. What came to the filters were
/// `what`: "record", "socket".
/// @param unread files, or blocks of segments, were not read because of what is filtered by
void tell_none_passed(const filter_options& filter, const filter_counts& counts, bool unread,
                      std::string_view what, const std::function<void(std::string_view)>& complain);

/// Both, the second where there is nothing to say of the first.
/// @return whether a connection that is named was not met.
[[nodiscard]] bool tell_unmet_or_none(const filter_options& filter, const filter_counts& counts,
                                      bool unread,
                                      const std::function<void(std::string_view)>& complain,
                                      std::string_view what = "record");

}  // namespace tcpinfo::offline

#endif

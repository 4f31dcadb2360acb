// SPDX-License-Identifier: Apache-2.0
//
// What the path of a control group names: a container, a pod of Kubernetes, a unit of systemd.
#ifndef TCPINFO_ANALYSIS_CGROUP_NAMES_H
#define TCPINFO_ANALYSIS_CGROUP_NAMES_H

#include <string>
#include <string_view>

namespace tcpinfo::analysis {

/// Empty: the path names none. Views are of the path, but for `runtime`, which is a constant.
struct cgroup_names {
  std::string_view container;  ///< its id: 64 hexadecimal digits (of AWS Fargate 32 and a number)
  std::string_view runtime;    ///< docker, containerd, cri-o or podman, where the path tells
  std::string pod;             ///< UID, with hyphens; of a static pod 32 hexadecimal digits
  std::string_view unit;       ///< the innermost .service or .scope that is no container's, else
                               ///< the innermost .slice that is no pod's
};

/// Of paths as the runtimes' cgroupfs and systemd drivers make them, version 1 or 2. Of containers
/// within containers the innermost. Throws std::bad_alloc.
[[nodiscard]] cgroup_names names_of_cgroup(std::string_view path);

}  // namespace tcpinfo::analysis

#endif

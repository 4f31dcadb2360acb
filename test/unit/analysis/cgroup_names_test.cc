// SPDX-License-Identifier: Apache-2.0
//
// Containers, pods and units in paths of control groups as runtimes make them.
#include "analysis/cgroup_names.h"

#include <string>

#include "unit/catch.h"

using tcpinfo::analysis::names_of_cgroup;

namespace {

const std::string id = "8c8f3ba3c5f0b9ac1e5a0a3d4e1a6e5e7d1f4b7c2a9e8d6f5b4c3a2918070605";
const std::string inner = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
const std::string uid = "6f3c1b52-9d0c-4f0e-8c5d-2a1b3c4d5e6f";
const std::string uid_in_slice = "6f3c1b52_9d0c_4f0e_8c5d_2a1b3c4d5e6f";
const std::string static_uid = "c9b1a2d3e4f5061728394a5b6c7d8e9f";

void check_container(const std::string& path, std::string_view container, std::string_view runtime,
                     std::string_view pod = {}) {
  INFO(path);
  const auto names = names_of_cgroup(path);
  CHECK(names.container == container);
  CHECK(names.runtime == runtime);
  CHECK(names.pod == pod);
}

void check_unit(const std::string& path, std::string_view unit) {
  INFO(path);
  const auto names = names_of_cgroup(path);
  CHECK(names.unit == unit);
  CHECK(names.container.empty());
  CHECK(names.pod.empty());
}

}  // namespace

TEST_CASE("paths of control groups name containers") {
  // docker: cgroupfs (version 1 and 2) and systemd.
  check_container("/docker/" + id, id, "docker");
  check_container("/system.slice/docker-" + id + ".scope", id, "docker");
  check_container("/docker/" + id + "/system.slice/nginx.service", id, "docker");
  // containerd.
  check_container("/system.slice/nerdctl-" + id + ".scope", id, "containerd");
  check_container("/default/" + id, id, "");
  // podman: root and users, systemd and cgroupfs; its monitor is no container.
  check_container("/machine.slice/libpod-" + id + ".scope", id, "podman");
  check_container("/machine.slice/libpod-" + id + ".scope/container", id, "podman");
  check_container(
      "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope/container",
      id, "podman");
  check_container("/libpod_parent/libpod-" + id, id, "podman");
  check_container("/machine.slice/libpod-payload-" + id, id, "podman");
  check_container("/machine.slice/libpod-conmon-" + id + ".scope", "", "");
  // Amazon's.
  check_container("/ecs/0f1e2d3c4b5a69788796a5b4c3d2e1f0/" + id, id, "");
  check_container(
      "/ecs/0f1e2d3c4b5a69788796a5b4c3d2e1f0/0f1e2d3c4b5a69788796a5b4c3d2e1f0-1234567890",
      "0f1e2d3c4b5a69788796a5b4c3d2e1f0-1234567890", "");
}

TEST_CASE("paths of control groups name pods") {
  const std::string slice =
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uid_in_slice + ".slice";
  check_container(slice + "/cri-containerd-" + id + ".scope", id, "containerd", uid);
  check_container(slice + "/crio-" + id + ".scope", id, "cri-o", uid);
  check_container(slice + "/crio-conmon-" + id + ".scope", "", "", uid);
  check_container(slice + "/docker-" + id + ".scope", id, "docker", uid);
  check_container(
      "/kubepods.slice/kubepods-pod" + uid_in_slice + ".slice/cri-containerd-" + id + ".scope", id,
      "containerd", uid);
  check_container("/kubepods/burstable/pod" + uid + "/" + id, id, "", uid);
  check_container("/kubepods/besteffort/pod" + uid + "/crio-" + id, id, "cri-o", uid);
  check_container("/kubepods/pod" + static_uid + "/" + id, id, "", static_uid);
  check_container(slice, "", "", uid);
  // containerd told of systemd, its runtime not.
  check_container("/system.slice/containerd.service/kubepods-burstable-pod" + uid_in_slice +
                      ".slice:cri-containerd:" + id,
                  id, "containerd", uid);
  // Nodes that are containers themselves (kind).
  check_container("/docker/" + inner +
                      "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
                      "kubelet-kubepods-besteffort-pod" +
                      uid_in_slice + ".slice/cri-containerd-" + id + ".scope",
                  id, "containerd", uid);
  check_container("/docker/" + inner + "/docker/" + id, id, "docker");
}

TEST_CASE("paths of control groups name units") {
  check_unit("/system.slice/nginx.service", "nginx.service");
  check_unit("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service");
  check_unit("/system.slice/postgresql.service/worker", "postgresql.service");
  check_unit("/user.slice/user-1000.slice/session-3.scope", "session-3.scope");
  check_unit("/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope",
             "app-firefox.scope");
  check_unit("/user.slice", "user.slice");
  check_unit("/init.scope", "init.scope");
}

TEST_CASE("paths that name nothing are no fault") {
  check_unit("", "");
  check_unit("/", "");
  check_unit("//", "");
  check_unit("no path", "");
  check_unit("/lxc/web", "");
  // Nearly an id, nearly a pod.
  check_unit("/docker/" + id.substr(1), "");
  check_unit("/docker/x" + id, "");
  check_unit("/docker/" + id + "0", "");
  check_unit("/docker/G" + id.substr(1), "");
  check_unit("/tripod" + uid, "");
  check_unit("/pod" + uid.substr(1), "");
  check_unit("/pod" + uid_in_slice, "");
  check_unit("/pod", "");
}

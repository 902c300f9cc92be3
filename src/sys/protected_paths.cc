// SPDX-License-Identifier: Apache-2.0
// One line, one family of programs that read these at start or on an event.
#include "sys/protected_paths.h"

#include <array>

namespace sys {

std::span<const std::string_view> ProtectedPaths() {
  static constexpr auto kPaths = std::to_array<std::string_view>({
      // git: hooks, settings that name programs, those of submodules, the link to a repository kept elsewhere
      ".git/hooks", ".git/config", ".git/config.worktree", ".git/modules", ".git/commondir", ".gitconfig",
      ".config/git", ".husky", ".githooks", "lefthook.yml", ".pre-commit-config.yaml",
      // shells and sessions
      ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".zshrc", ".zshenv",
      ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".cshrc", ".tcshrc", ".login", ".inputrc", ".config/fish",
      ".xinitrc", ".xsession", ".xprofile", ".pam_environment", ".config/autostart", ".config/systemd",
      ".config/environment.d", ".ssh", ".gnupg", ".netrc", ".tmux.conf", ".screenrc",
      // ours: settings of every later run
      ".config/cellos",
      // entering a directory
      ".envrc", ".mise.toml", ".tool-versions",
      // editors and debuggers
      ".vscode", ".idea", ".exrc", ".vimrc", ".nvimrc", ".nvim.lua", ".vim", ".config/nvim", ".emacs", ".emacs.d",
      ".dir-locals.el", ".gdbinit", ".lldbinit", ".devcontainer", ".devcontainer.json",
      // continuous integration
      ".github/workflows", ".github/actions", ".gitlab-ci.yml", ".circleci", ".travis.yml", "Jenkinsfile",
      "azure-pipelines.yml", "bitbucket-pipelines.yml", ".buildkite", ".drone.yml", ".woodpecker", ".woodpecker.yml",
      ".cirrus.yml", "appveyor.yml",
      // package managers: registries, credentials, programs run on every call
      ".npmrc", ".yarnrc", ".yarnrc.yml", ".pypirc", ".cargo/config", ".cargo/config.toml",
  });
  return kPaths;
}

std::span<const std::string_view> ServiceSockets() {
  static constexpr auto kSockets = std::to_array<std::string_view>({
      // containers and machines
      "/run/docker.sock", "/run/containerd", "/run/crio/crio.sock", "/run/podman/podman.sock", "/run/buildkit",
      "/run/libvirt", "/run/lxd.socket", "/run/incus", "/run/snapd.socket", "/run/user/<uid>/docker.sock",
      "/run/user/<uid>/podman", "/var/lib/lxd/unix.socket", "/var/lib/incus/unix.socket",
      // init and message buses
      "/run/systemd/private", "/run/systemd/notify", "/run/systemd/io.systemd.ManagedOOM", "/run/systemd/journal",
      "/run/systemd/userdb", "/run/dbus/system_bus_socket", "/run/user/<uid>/bus", "/run/user/<uid>/systemd",
      "/run/user/<uid>/dbus-1", "/run/initctl", "/run/udev/control",
      // keys and desktops
      "/run/user/<uid>/gnupg", "/run/user/<uid>/keyring", "/run/user/<uid>/ssh-agent.socket",
      "/run/user/<uid>/openssh_agent", "/run/user/<uid>/gcr", "/run/user/<uid>/wayland-0",
      "/run/user/<uid>/pipewire-0", "/run/user/<uid>/pulse", "/tmp/.X11-unix", "/tmp/.ICE-unix",
      // ours: the slots that keep two cells from sharing an id
      "/run/cellos",
  });
  return kSockets;
}

}  // namespace sys

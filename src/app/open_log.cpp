// SPDX-License-Identifier: Apache-2.0
#include "app/open_log.h"

#include <utility>

#include "app/log_settings.h"
#include "base/log.h"
#include "log/recovery.h"

namespace firehose::app {
namespace {

void report(const log::Recovered& found, const std::string& folder) {
    FH_LOG(info, "log_found", {"folder", folder}, {"segments", found.log.segments.size()},
           {"end", number(found.log.end_seq)}, {"goes_on_at", number(found.log.next_seq)},
           {"was_clean", found.was_clean ? "yes" : "no"}, {"bytes_read", found.bytes_read},
           {"bytes_cut", found.bytes_cut});
    for (const log::Damage& damage : found.damage) {
        if (!damage.is_new) continue;
        FH_LOG(error, "log_damaged", {"file", folder + "/" + damage.file},
               {"offset", damage.stretch.offset}, {"bytes", damage.stretch.bytes},
               {"from_seq", number(damage.stretch.from)}, {"end_seq", number(damage.stretch.end)},
               {"kept_as", damage.kept_as});
    }
    for (const std::string& file : found.removed) FH_LOG(info, "log_file_removed", {"file", file});
}

}  // namespace

Result<OpenedLog, std::string> open_log(const config::Settings& settings) {
    auto folder = DataFolder::open(settings.data);
    if (!folder) return Failure{folder.error()};
    auto files = std::make_unique<log::PosixFileSystem>(folder->log_path());
    const auto space = files->space();
    if (!space) return Failure{folder->log_path() + ": " + space.error().message()};
    OpenedLog opened{.folder = std::move(*folder),
                     .files = std::move(files),
                     .options = log_options(settings, *space)};
    opened.kept.log_id = opened.folder.log_id();
    if (settings.log.mode != config::LogMode::disk) return opened;

    log::PosixFileSystem damaged{opened.folder.damaged_path()};
    auto found = log::recover(*opened.files, damaged, {.log_id = opened.folder.log_id()});
    if (!found) {
        return Failure{opened.folder.log_path() + "/" + found.error().file + ": " +
                       found.error().problem};
    }
    report(*found, opened.folder.log_path());
    opened.kept = std::move(found->log);
    auto views = store::SqliteViewStore::open(settings.data);
    if (!views) return Failure{views.error()};
    opened.views = std::move(*views);
    return opened;
}

}  // namespace firehose::app

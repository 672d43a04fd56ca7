// SPDX-License-Identifier: Apache-2.0
#include "app/backup_job.h"

#include <boost/json.hpp>
#include <string_view>
#include <utility>

#include "app/backup.h"
#include "base/log.h"

namespace firehose::app {
namespace {

[[nodiscard]] std::string line_of(const BackupFigures& figures, bool is_complete) {
    boost::json::object line{{"files", figures.files},
                             {"files_done", figures.files_done},
                             {"bytes", figures.bytes},
                             {"bytes_done", figures.bytes_done},
                             {"bytes_linked", figures.bytes_linked}};
    if (is_complete) line["complete"] = true;
    return boost::json::serialize(line);
}

void copy(const BackupPlan& plan, const AdminReply& reply) {
    const auto done =
        back_up(plan, [&](const BackupFigures& figures) { reply.line(line_of(figures, false)); });
    if (done) {
        FH_LOG(info, "backup_made", {"folder", plan.to}, {"bytes", done->bytes});
        reply.line(line_of(*done, true), true);
        return;
    }
    FH_LOG(error, "backup_failed", {"folder", plan.to}, {"problem", done.error()});
    reply.line(boost::json::serialize(boost::json::object{{"error", done.error()}}), true);
}

}  // namespace

void start_backup(const BackupOrder& order, const AdminReply& reply) {
    if (order.views == nullptr) {
        return reply.refuse(409, "nothing is kept on disk: log.mode is memory");
    }
    BackupPlan plan{.data = order.data,
                    .to = order.to,
                    .copy_views = [views = order.views](const std::string& file) {
                        return views->copy_to(file);
                    }};
    const bool is_taken = order.housekeeper.post([plan = std::move(plan), reply] {
        copy(plan, reply);
        return false;
    });
    if (!is_taken) reply.refuse(503, "the housekeeper has too much to do; try again later");
}

}  // namespace firehose::app

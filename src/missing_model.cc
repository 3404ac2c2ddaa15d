#include "missing_model.h"

#include <filesystem>
#include <system_error>

#include "gamma_extract/error.h"

namespace gamma_extract {

namespace fs = std::filesystem;

void require_no_dangling_link(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_symlink(fs::symlink_status(path, ignored))) return;
  fail(Fault::model_missing, "{}: it is a link to {}, which is missing; check the link", path,
       fs::read_symlink(path, ignored).string());
}

void fail_model_missing(const std::string& path) {
  if (path.empty()) {
    fail(Fault::model_missing, "the model's name is empty; give a directory, a file or an id");
  }
  require_no_dangling_link(path);
  if (path.front() == '~') {
    fail(Fault::model_missing,
         "{}: no such file or directory; the shell expands ~ only at the beginning of a word and "
         "without quotes (--model ~/DIR)",
         path);
  }
  fail(Fault::model_missing, "{}: no such file or directory; check the path", path);
}

}  // namespace gamma_extract

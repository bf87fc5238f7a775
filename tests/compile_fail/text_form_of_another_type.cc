// says: wrong_format
#include "razor/base/log.h"

void log(razor::LogSink& sink) { sink.log(razor::LogLevel::info, "action {:#x}", "add"); }

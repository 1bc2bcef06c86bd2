# mclust in four families, 1 to MOST components: Rscript mclust.R FOLDER MOST [NAME ...]
#
# FOLDER holds tables of numbers, <name>.csv; the named data sets of mclust itself are written there
# too. Leaves seconds.csv (a sweep at mclust's own tolerance of 1e-5, and at 1e-10) and optima.csv
# (log-likelihoods at 1e-10, with what tells a spike: the smallest eigenvalue of
# cov(X)^-1 Sigma_k, and the rows of the smallest component).

suppressMessages(library(mclust))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
components <- seq_len(as.integer(arguments[2]))

for (name in arguments[-(1:2)]) {
  data(list = name)
  table <- as.data.frame(get(name))
  is_feature <- sapply(table, is.numeric) & names(table) != "group"
  write.csv(table[, is_feature, drop = FALSE], file.path(folder, paste0(name, ".csv")),
            row.names = FALSE)
}

sweep_of <- function(X, models, ...) {
  mclustBIC(X, G = components, modelNames = models, verbose = FALSE, ...)
}

# Of the processor, which stands other load on the machine.
seconds_of <- function(expression) sum(system.time(expression)[c("user.self", "sys.self")])

# The smallest eigenvalue of cov(X)^-1 Sigma_k over the components.
flatness <- function(fit, X) {
  variance <- fit$parameters$variance
  if (ncol(X) == 1) return(min(variance$sigmasq) / var(X[, 1]))
  relative <- apply(variance$sigma, 3, function(sigma) {
    min(Re(eigen(solve(cov(X), sigma), only.values = TRUE)$values))
  })
  min(relative)
}

tight <- emControl(tol = c(1e-10, 1e-10), itmax = c(5000, 500))
tables <- list.files(folder, pattern = "[.]csv$", full.names = TRUE)
seconds <- optima <- NULL
for (path in tables) {
  name <- sub("[.]csv$", "", basename(path))
  X <- as.matrix(read.csv(path))
  families <- c(full = "VVV", tied = "EEE", diag = "VVI", spherical = "VII")
  if (ncol(X) == 1) families <- c(full = "V", tied = "E")
  default_time <- seconds_of(sweep_of(X, families))
  tight_time <- seconds_of(found <- sweep_of(X, families, control = tight))
  seconds <- rbind(seconds, data.frame(
    dataset = name, default = sprintf("%.3f", default_time), tight = sprintf("%.3f", tight_time)
  ))
  for (family in names(families)) for (k in components) {
    if (is.na(found[k, families[family]])) next
    fit <- Mclust(X, G = k, modelNames = families[family], x = found, verbose = FALSE)
    optima <- rbind(optima, data.frame(
      dataset = name, family = family, n_components = k,
      log_likelihood = sprintf("%.9f", fit$loglik),
      flatness = sprintf("%.2e", flatness(fit, X)),
      fewest_rows = sprintf("%.2f", nrow(X) * min(fit$parameters$pro))
    ))
  }
}
write.csv(seconds, file.path(folder, "seconds.csv"), row.names = FALSE, quote = FALSE)
write.csv(optima, file.path(folder, "optima.csv"), row.names = FALSE, quote = FALSE)

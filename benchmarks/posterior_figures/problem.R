# What stan.R and jags.R share: Rscript PROGRAM.R FOLDER CHAINS DRAWS WARM_UP DOF
#
# FOLDER holds tables without headings: rows, means_prior (location and standard deviation of each
# feature), scatter (the inverse-Wishart's scale), and the start of all chains: weights, means,
# covariances (a component a line, row by row). Left there are draws.csv (a draw a line, chain after
# chain: weights, means and covariances, component by component) and seconds.csv (compilation, by the
# wall clock; warm-up and draws of all chains, added up, of the processor).

arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
sizes <- as.integer(arguments[2:4])
chains <- sizes[1]
draws <- sizes[2]
warm_up <- sizes[3]
dof <- as.numeric(arguments[5])

read_table <- function(name) {
  unname(as.matrix(read.csv(file.path(folder, paste0(name, ".csv")), header = FALSE)))
}

write_table <- function(name, values) {
  write.table(values, file.path(folder, paste0(name, ".csv")), sep = ",", row.names = FALSE,
              col.names = FALSE)
}

X <- read_table("rows")
means_prior <- read_table("means_prior")
scatter <- read_table("scatter")
start_weights <- read_table("weights")[, 1]
start_means <- read_table("means")
N <- nrow(X)
D <- ncol(X)
K <- length(start_weights)
start_covariances <- aperm(array(t(read_table("covariances")), c(D, D, K)), c(3, 1, 2))

seconds_of <- function(expression) system.time(expression)[["elapsed"]]

processor_seconds <- function(expression) {
  sum(system.time(expression)[c("user.self", "sys.self")])
}

# Names of the parameters in the order that is written.
indices <- function(name, ...) {
  grid <- expand.grid(...)
  paste0(name, "[", do.call(paste, c(rev(as.list(grid)), sep = ",")), "]")
}

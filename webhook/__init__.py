"""An admission webhook that decides which OpenShift image stream tag may point where."""

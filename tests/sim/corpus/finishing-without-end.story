# Promoted, then its instances died and did not come back: the old side could not be stopped, and the rollout stayed in
# its last phase for good.
{"seed":0,"deeds":[],"controllers":1,"fault_seconds":20.0}
{"do":"deploy","at":0.5,"shape":{"label":"v1","replicas":2}}
{"do":"deploy","at":4.0,"shape":{"label":"v2","strategy":"blue-green","replicas":2,"bake":0.0,"delay":4.0,"deadline":30.0,"nature":{"ready_seconds":[0.3,1.5],"never_ready":0.3,"crashes":0.6,"crash_seconds":[2.0,5.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0}}}
